-- Which workbooks read a published data source.
CREATE INDEX connection_datasource_url ON connection (datasource_content_url);
