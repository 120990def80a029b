SwaggerUIBundle({
  dom_id: "#swagger-ui",
  url: "/api/openapi.json",
  deepLinking: true,
  // By default Swagger UI sends the document's address to validator.swagger.io.
  validatorUrl: null,
  // The API key lives as long as the page: it is not written to the browser's storage.
  persistAuthorization: false,
});
